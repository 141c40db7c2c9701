"""The commands of `clonepipe`, one file a group."""
