//! URLs under which anybody gets the bytes of one reference for a while.
