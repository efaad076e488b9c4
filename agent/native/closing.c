/*
 * Closing captures beside the thread that reads the others. The kernel lets go of a packet socket and its ring only when every
 * processor has, which takes tens of milliseconds for each and no work: several threads wait for that at once, and a thousand
 * captures are closed in seconds. The threads begin when there is something to close, and end with the environment.
 */
#include "capture.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define THREADS_MAX 16
#define STACK_BYTES 262144

/* A capture that is being closed. Whoever comes last of its thread and its handle frees it. */
struct closing {
  void (*close_it)(void *what);
  void *what;
  struct closing *next;
  int is_closed;
  int is_forgotten;
};

struct closer {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct closing *first, *last;
  pthread_t threads[THREADS_MAX];
  uint32_t thread_count;
  uint32_t idle_count;
  uint32_t waiting_count;
  int is_ending;
};

struct closer *create_closer(void) {
  struct closer *closer = calloc(1, sizeof *closer);
  if (closer == NULL) return NULL;
  pthread_mutex_init(&closer->lock, NULL);
  pthread_cond_init(&closer->changed, NULL);
  return closer;
}

static struct closing *take_first(struct closer *closer) {
  struct closing *closing = closer->first;
  closer->first = closing->next;
  if (closer->first == NULL) closer->last = NULL;
  closer->waiting_count--;
  return closing;
}

static void close_first(struct closer *closer) {
  struct closing *closing = take_first(closer);
  pthread_mutex_unlock(&closer->lock);
  closing->close_it(closing->what);
  pthread_mutex_lock(&closer->lock);
  closing->is_closed = 1;
  if (closing->is_forgotten) free(closing);
}

static void *close_captures(void *data) {
  struct closer *closer = data;
  pthread_mutex_lock(&closer->lock);
  while (closer->first != NULL || !closer->is_ending) {
    if (closer->first != NULL) {
      close_first(closer);
      continue;
    }
    closer->idle_count++;
    pthread_cond_wait(&closer->changed, &closer->lock);
    closer->idle_count--;
  }
  pthread_mutex_unlock(&closer->lock);
  return NULL;
}

/* A signal is for the threads that have handlers for it in mind. Answers whether there is a thread at all. */
static int add_thread(struct closer *closer) {
  sigset_t all, before;
  pthread_attr_t attributes;
  sigfillset(&all);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t *thread = &closer->threads[closer->thread_count];
  if (pthread_create(thread, &attributes, close_captures, closer) == 0) closer->thread_count++;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return closer->thread_count > 0;
}

struct closing *close_beside(struct closer *closer, void (*close_it)(void *what), void *what) {
  struct closing *closing = calloc(1, sizeof *closing);
  if (closing == NULL) return NULL;
  closing->close_it = close_it;
  closing->what = what;
  pthread_mutex_lock(&closer->lock);
  int has_thread = closer->idle_count > closer->waiting_count || closer->thread_count == THREADS_MAX || add_thread(closer);
  if (has_thread) {
    if (closer->last == NULL) closer->first = closing;
    else closer->last->next = closing;
    closer->last = closing;
    closer->waiting_count++;
    pthread_cond_signal(&closer->changed);
  }
  pthread_mutex_unlock(&closer->lock);
  if (has_thread) return closing;
  free(closing);
  return NULL;
}

int is_closing(struct closer *closer, const struct closing *closing) {
  pthread_mutex_lock(&closer->lock);
  int is_closed = closing->is_closed;
  pthread_mutex_unlock(&closer->lock);
  return !is_closed;
}

void forget_closing(struct closer *closer, struct closing *closing) {
  pthread_mutex_lock(&closer->lock);
  int is_closed = closing->is_closed;
  closing->is_forgotten = 1;
  pthread_mutex_unlock(&closer->lock);
  if (is_closed) free(closing);
}

void end_closer(struct closer *closer) {
  pthread_mutex_lock(&closer->lock);
  closer->is_ending = 1;
  pthread_cond_broadcast(&closer->changed);
  pthread_mutex_unlock(&closer->lock);
  for (uint32_t i = 0; i < closer->thread_count; i++) pthread_join(closer->threads[i], NULL);
  pthread_cond_destroy(&closer->changed);
  pthread_mutex_destroy(&closer->lock);
  free(closer);
}
