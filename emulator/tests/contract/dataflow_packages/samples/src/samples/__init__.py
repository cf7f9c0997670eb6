"""Has the name of a package that is installed beside the emulator, and must win over it."""

ORIGIN = "staged"
