// What jemalloc reads at its start, see "TUNING" in jemalloc(3).

// Memory that is free goes back to the system from a thread of jemalloc's, also when nothing is
// asked of kubase any more.
extern "C" const char* malloc_conf;
const char* malloc_conf = "background_thread:true";
