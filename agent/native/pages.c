/*
 * Pages of tables. All threads of the process can use the same ones: the thread that has them promises them under a number, and the
 * one that hears the number takes them, whether the first still runs or not. They go with their last user.
 *
 * From 2 MiB on they begin where a huge page can, and ask for such: a table is read at random, and with pages of 4 KiB the
 * processor finds most of them only by a walk through the page tables.
 */
#include "pages.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Beyond this giving pages back takes the kernel longer than a packet may wait. */
#define UNMAPPED_BESIDE_MIN HUGE_PAGE_BYTES

/* Of the process, not of one environment: the pages outlive the thread that promised them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pages *promised;
static uint64_t last_promise;

static void *map_at(void *place, int fd, size_t bytes, off_t offset) {
  int flags = (fd == -1 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | (place == NULL ? 0 : MAP_FIXED);
  return mmap(place, bytes, PROT_READ | PROT_WRITE, flags, fd, offset);
}

/* Takes more address space than is wanted, and leaves what lies around the first place where a huge page can begin. */
static void *map_aligned(int fd, size_t bytes, off_t offset) {
  size_t taken = bytes + HUGE_PAGE_BYTES;
  if (taken < bytes) return errno = ENOMEM, MAP_FAILED;
  char *space = mmap(NULL, taken, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) return MAP_FAILED;
  size_t before = -(uintptr_t)space & (HUGE_PAGE_BYTES - 1);
  void *address = map_at(space + before, fd, bytes, offset);
  int failure = errno;
  if (address == MAP_FAILED) {
    munmap(space, taken);
    return errno = failure, MAP_FAILED;
  }
  if (before > 0) munmap(space, before);
  /* The kernel maps whole pages, and the end of the last one is not to be taken from it. */
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t mapped = (bytes + page - 1) & ~(page - 1);
  if (before + mapped < taken) munmap(space + before + mapped, taken - before - mapped);
  return address;
}

static void *map_pages(int fd, size_t bytes, off_t offset, void *place) {
  int is_large = bytes >= HUGE_PAGE_BYTES;
  void *address = is_large && place == NULL ? map_aligned(fd, bytes, offset) : map_at(place, fd, bytes, offset);
  /* A kernel without huge pages refuses, and the table is as right and slower. */
  if (is_large && address != MAP_FAILED) madvise(address, bytes, MADV_HUGEPAGE);
  return address;
}

static struct pages *describe_pages(void *address, size_t bytes, int is_placed) {
  struct pages *pages = calloc(1, sizeof *pages);
  if (pages == NULL) return NULL;
  pages->address = address;
  pages->bytes = bytes;
  pages->is_placed = is_placed;
  pages->users = 1;
  return pages;
}

/* What a place held is gone, as far as its owner can see: the next table there begins with pages of its own again. */
static void clear_place(void *place, size_t bytes) {
  map_at(place, -1, bytes, 0);
}

struct pages *create_pages(int fd, size_t bytes, off_t offset, void *place, int *failure) {
  struct pages *pages = describe_pages(NULL, bytes, place != NULL);
  if (pages == NULL) return *failure = ENOMEM, NULL;
  pages->address = map_pages(fd, bytes, offset, place);
  if (pages->address != MAP_FAILED) return pages;
  *failure = errno;
  free(pages);
  return NULL;
}

static void release_pages(struct pages *pages, struct page_worker *worker) {
  if (pages->is_placed) clear_place(pages->address, pages->bytes);
  else if (worker == NULL || pages->bytes < UNMAPPED_BESIDE_MIN || !unmap_beside(worker, pages->address, pages->bytes)) {
    munmap(pages->address, pages->bytes);
  }
  free(pages);
}

void leave_pages(struct pages *pages, struct page_worker *worker) {
  /* While it is worked on, it must be there. */
  if (worker != NULL) withdraw_work(worker, pages->address);
  pthread_mutex_lock(&lock);
  uint32_t users = --pages->users;
  pthread_mutex_unlock(&lock);
  if (users == 0) release_pages(pages, worker);
}

/* Out of a place that stays with its owner: the pages move, and fresh ones come where they were. */
static struct pages *move_out(struct pages *placed, int *failure) {
  size_t bytes = placed->bytes;
  struct pages *moved = create_pages(-1, bytes, 0, NULL, failure);
  if (moved == NULL) return NULL;
#ifdef MREMAP_DONTUNMAP
  int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
  if (mremap(placed->address, bytes, bytes, flags, moved->address) != MAP_FAILED) return moved;
#endif
  /* Before Linux 5.7. */
  memcpy(moved->address, placed->address, bytes);
  clear_place(placed->address, bytes);
  return moved;
}

uint64_t promise_pages(struct pages *pages, int *failure) {
  struct pages *kept = pages->is_placed ? move_out(pages, failure) : pages;
  if (kept == NULL) return 0;
  pthread_mutex_lock(&lock);
  /* The number is the user: a second one for the same pages would be a second place in the list. */
  uint64_t promise = kept->promise;
  if (promise == 0) {
    if (kept == pages) kept->users++;
    promise = kept->promise = ++last_promise;
    kept->next = promised;
    promised = kept;
  }
  pthread_mutex_unlock(&lock);
  return promise;
}

struct pages *take_promised(uint64_t promise) {
  pthread_mutex_lock(&lock);
  struct pages **link = &promised;
  while (*link != NULL && (*link)->promise != promise) link = &(*link)->next;
  struct pages *pages = *link;
  if (pages != NULL) {
    *link = pages->next;
    pages->promise = 0;
  }
  pthread_mutex_unlock(&lock);
  return pages;
}
