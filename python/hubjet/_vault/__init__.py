"""Models on a folder that is slow, forgets links and loses writes, such as Google Drive in Colab: kept there, and brought back."""
