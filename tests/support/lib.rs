//! Shared by the tests that cross the rooms.
