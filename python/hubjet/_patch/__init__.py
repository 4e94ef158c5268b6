"""What enable() replaces in huggingface_hub. switch.py turns it on and off and has the table of hooks; the other modules are the hooks."""
