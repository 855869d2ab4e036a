#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>
#include <errno.h>
#include <pthread.h>
#include <malloc.h>

// glibc declares these for _GNU_SOURCE only, which this module is not built with.
extern int pipe2(int ends[2], int flags);
extern int syncfs(int descriptor);
extern int pthread_setname_np(pthread_t thread, const char *name);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *folder);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);

// Sets how long getaddrinfo waits on this thread: `seconds` per try and name server. Reads resolv.conf again when it has
// changed, which glibc leaves out once its state differs from the file.
//
// <resolv.h> is not included, since it would make this module the owner of the socket types: the two functions are what
// its macros `res_init` and `_res` stand for, and the state begins with the two numbers.
extern int __res_init(void);
extern int *__res_state(void);
static inline void linux_limit_resolver(int seconds, int tries) {
    if (__res_init() == 0) {
        int *state = __res_state();
        state[0] = seconds;
        state[1] = tries;
    }
}

// A descriptor that becomes readable when the process has ended; -1 where the kernel has none.
static inline int linux_pidfd_open(pid_t process) {
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, process, 0);
#else
    errno = ENOSYS;
    return -1;
#endif
}
