/*
 * Work on pages that a thread with packets must not wait for: to make those of its next table ready, which costs the kernel
 * as much as some hundred thousand packets, and to give back those of the one before. One thread for each environment, from the
 * first work on.
 */
#include "pages.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define STACK_BYTES 65536
/* Between two looks whether the work was withdrawn. */
#define STEP_BYTES HUGE_PAGE_BYTES

struct work {
  char *address;
  size_t bytes;
  int is_unmapping;
  struct work *next;
};

struct page_worker {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct work *first, *last;
  const void *current; /* pages that are made ready now */
  int is_withdrawn; /* the current ones are not to be any more */
  int has_thread;
  int is_ending;
  pthread_t thread;
};

struct page_worker *create_page_worker(void) {
  struct page_worker *worker = calloc(1, sizeof *worker);
  if (worker == NULL) return NULL;
  pthread_mutex_init(&worker->lock, NULL);
  pthread_cond_init(&worker->changed, NULL);
  return worker;
}

/* Adds nothing to each page, in one step: another thread may be writing to it. */
static void touch_pages(char *address, size_t bytes) {
  size_t step = (size_t)sysconf(_SC_PAGESIZE);
  for (size_t at = 0; at < bytes; at += step) __atomic_fetch_add((uint32_t *)(address + at), 0, __ATOMIC_RELAXED);
}

static void make_ready(char *address, size_t bytes) {
  if (madvise(address, bytes, MADV_POPULATE_WRITE) == 0 || errno != EINVAL) return;
  touch_pages(address, bytes);
}

/* The lock is held when this is called and when it returns. */
static void prepare(struct page_worker *worker, const struct work *work) {
  worker->current = work->address;
  worker->is_withdrawn = 0;
  for (size_t at = 0; at < work->bytes && !worker->is_withdrawn && !worker->is_ending; at += STEP_BYTES) {
    size_t left = work->bytes - at;
    pthread_mutex_unlock(&worker->lock);
    make_ready(work->address + at, left < STEP_BYTES ? left : STEP_BYTES);
    pthread_mutex_lock(&worker->lock);
  }
  worker->current = NULL;
  pthread_cond_broadcast(&worker->changed);
}

static struct work *take_first(struct page_worker *worker) {
  struct work *work = worker->first;
  worker->first = work->next;
  if (worker->first == NULL) worker->last = NULL;
  return work;
}

static void do_first(struct page_worker *worker) {
  struct work *work = take_first(worker);
  if (work->is_unmapping) {
    pthread_mutex_unlock(&worker->lock);
    munmap(work->address, work->bytes);
    pthread_mutex_lock(&worker->lock);
  } else {
    prepare(worker, work);
  }
  free(work);
}

/* All that was asked for is done before the end: pages that are to go, go. */
static void *run_worker(void *data) {
  struct page_worker *worker = data;
  prctl(PR_SET_NAME, "table-pages");
  pthread_mutex_lock(&worker->lock);
  while (worker->first != NULL || !worker->is_ending) {
    if (worker->first != NULL) do_first(worker);
    else pthread_cond_wait(&worker->changed, &worker->lock);
  }
  pthread_mutex_unlock(&worker->lock);
  return NULL;
}

/* A signal is for the threads that have handlers for it in mind. */
static int start_thread(struct page_worker *worker) {
  sigset_t all, before;
  pthread_attr_t attributes;
  if (worker->has_thread) return 1;
  sigfillset(&all);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  worker->has_thread = pthread_create(&worker->thread, &attributes, run_worker, worker) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return worker->has_thread;
}

static int add_work(struct page_worker *worker, void *address, size_t bytes, int is_unmapping) {
  struct work *work = calloc(1, sizeof *work);
  if (work == NULL) return 0;
  work->address = address;
  work->bytes = bytes;
  work->is_unmapping = is_unmapping;
  pthread_mutex_lock(&worker->lock);
  int has_thread = start_thread(worker);
  if (has_thread) {
    if (worker->last == NULL) worker->first = work;
    else worker->last->next = work;
    worker->last = work;
    pthread_cond_broadcast(&worker->changed);
  }
  pthread_mutex_unlock(&worker->lock);
  if (!has_thread) free(work);
  return has_thread;
}

void prepare_beside(struct page_worker *worker, void *address, size_t bytes) {
  add_work(worker, address, bytes, 0);
}

int unmap_beside(struct page_worker *worker, void *address, size_t bytes) {
  return add_work(worker, address, bytes, 1);
}

/* Of what was only to be made ready; the rest of the queue stays as it is. */
static void remove_work(struct page_worker *worker, const void *address) {
  struct work **link = &worker->first;
  worker->last = NULL;
  while (*link != NULL) {
    struct work *work = *link;
    if (work->address == address && !work->is_unmapping) {
      *link = work->next;
      free(work);
    } else {
      worker->last = work;
      link = &work->next;
    }
  }
}

void withdraw_work(struct page_worker *worker, const void *address) {
  pthread_mutex_lock(&worker->lock);
  remove_work(worker, address);
  while (worker->current == address) {
    worker->is_withdrawn = 1;
    pthread_cond_wait(&worker->changed, &worker->lock);
  }
  pthread_mutex_unlock(&worker->lock);
}

void end_page_worker(struct page_worker *worker) {
  pthread_mutex_lock(&worker->lock);
  worker->is_ending = 1;
  pthread_cond_broadcast(&worker->changed);
  pthread_mutex_unlock(&worker->lock);
  if (worker->has_thread) pthread_join(worker->thread, NULL);
  pthread_cond_destroy(&worker->changed);
  pthread_mutex_destroy(&worker->lock);
  free(worker);
}
