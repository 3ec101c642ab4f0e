"""`make bench`: what a forked, bridged call costs beside a bare floor that makes the same system calls."""
