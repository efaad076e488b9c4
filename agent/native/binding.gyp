{
  "targets": [
    {
      "target_name": "capture",
      "sources": ["module.c", "capture.c", "closing.c", "confine.c", "filter.c", "intake.c", "interfaces.c", "landlock.c", "live-input.c", "memory.c", "netlink.c", "nflog.c", "open-live.c", "open-ring.c", "open.c", "page-worker.c", "pages.c", "process.c", "ring-filter.c", "ring-read.c", "ring-segments.c", "ring.c", "threads.c", "users.c", "values.c", "wake.c"],
      "defines": ["NAPI_VERSION=9", "_GNU_SOURCE"],
      "cflags!": ["-O3"],
      "cflags": ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "libraries": ["-lpcap"]
    }
  ]
}
