"""Cases that official clients are put through, and how many ended as expected."""

import sys

passed = failed = 0


def case(name, is_right):
    """Counts a case; what a client throws is not right."""
    global passed, failed
    try:
        right = is_right()
    except Exception as error:  # The judge tells what a client could not do.
        print(f"  {name}: {type(error).__name__}: {error}")
        right = False
    passed, failed = passed + bool(right), failed + (not right)
    if not right:
        print(f"  {name}: NOT as expected")


def finish(what, unit):
    """Prints the count and ends the program; fails unless there were cases and all were right."""
    print(f"{what}: {passed} of {passed + failed} {unit}")
    sys.exit(failed > 0 or passed == 0)
