/* The pages of tables (pages.c), and what is done with them beside the threads that use them (page-worker.c). */
#ifndef FLOWLOGD_PAGES_H
#define FLOWLOGD_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a processor maps in one step where the kernel has so much in one piece: of x86-64, and of arm64 with pages of 4 KiB. */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

struct page_worker;

struct pages {
  void *address;
  size_t bytes;
  int is_placed; /* in memory that somebody else owns, and keeps */
  uint32_t users; /* mappings of threads, and the promise to a thread that has none yet; guarded by the list's lock */
  uint64_t promise; /* by which a thread comes to them, 0 where none was given */
  struct pages *next; /* in the list of those that are promised */
};

/* Zeroed where fd is -1; into `place` where that is not NULL. Answers NULL and the errno of why. */
struct pages *create_pages(int fd, size_t bytes, off_t offset, void *place, int *failure);

/* One user less; the last one gives them back, beside this thread where there is a worker. */
void leave_pages(struct pages *pages, struct page_worker *worker);

/* Whoever takes the promise is a user of these pages from then on. Answers 0 and the errno of why where they cannot be had. */
uint64_t promise_pages(struct pages *pages, int *failure);
struct pages *take_promised(uint64_t promise);

/* Makes what works on pages, or answers NULL; its thread begins with the first work and ends with it. */
struct page_worker *create_page_worker(void);
void end_page_worker(struct page_worker *worker);

/* Begins to make pages ready. They stay mapped until they are ready or the work is withdrawn. */
void prepare_beside(struct page_worker *worker, void *address, size_t bytes);
void withdraw_work(struct page_worker *worker, const void *address);

/* Answers whether it will be done. */
int unmap_beside(struct page_worker *worker, void *address, size_t bytes);

#endif
