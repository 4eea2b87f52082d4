//! What fails on the machine itself: its disk, its clock, its processes.
