"""What users and the agent want done: each function one intention, one transaction."""
