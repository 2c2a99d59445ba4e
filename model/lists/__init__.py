"""Lists beside the model: who is denied, allowed, or not to be alerted about for a while."""
