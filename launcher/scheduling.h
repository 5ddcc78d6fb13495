// How the system shares processors among kubase's threads.
#pragma once

namespace kubase::launcher {

// Lets a thread that is woken wait until the running one pauses or has had its slice
// (SCHED_BATCH, sched(7)), for this thread and those that it starts. A write wakes several threads,
// each for some microseconds: when none of them displaces the one at work, twice as few switches
// are made, and each finds more to do at once. Nothing happens where the system forbids it.
void LetRunningThreadsFinish();

// The ordinary policy, for a child process. Safe between fork and exec.
void UseOrdinaryScheduling();

}  // namespace kubase::launcher
