"""The command line. main.py has the verbs; each module beside it holds a group of them, say.py prints, options.py has what verbs share."""
