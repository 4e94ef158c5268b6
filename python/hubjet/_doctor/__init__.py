"""What is wrong on the way of a model: report.py walks it, way.py looks at the network, disk.py at the file system."""
