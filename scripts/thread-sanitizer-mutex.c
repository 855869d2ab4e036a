// Tells ThreadSanitizer of the slow paths of Swift's Mutex (module Synchronization, Linux).
//
// A contended Mutex is locked and unlocked inside libswiftSynchronization, which is not instrumented: the sanitizer sees no
// order between two holders and reports races that are none. Preloaded, these functions stand before the library's and say
// what happens. The symbols are Synchronization._MutexHandle's _lockSlow(UInt32), _tryLockSlow() and _unlockSlow().
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define swift __attribute__((swiftcall))
#define context __attribute__((swift_context))

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

// Absent in the programs around the test process, which the preloading reaches too.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

typedef swift void (*Lock)(uint32_t thread, context void *mutex);
typedef swift bool (*TryLock)(context void *mutex);
typedef swift void (*Unlock)(context void *mutex);

static Lock lock;
static TryLock tryLock;
static Unlock unlock;

__attribute__((constructor)) static void findLibrary(void) {
    lock = (Lock)dlsym(RTLD_NEXT, LOCK);
    tryLock = (TryLock)dlsym(RTLD_NEXT, TRY_LOCK);
    unlock = (Unlock)dlsym(RTLD_NEXT, UNLOCK);
}

swift void lockSlow(uint32_t thread, context void *mutex) __asm__(LOCK);
swift void lockSlow(uint32_t thread, context void *mutex) {
    lock(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

swift bool tryLockSlow(context void *mutex) __asm__(TRY_LOCK);
swift bool tryLockSlow(context void *mutex) {
    bool isLocked = tryLock(mutex);
    if (isLocked && __tsan_acquire) __tsan_acquire(mutex);
    return isLocked;
}

swift void unlockSlow(context void *mutex) __asm__(UNLOCK);
swift void unlockSlow(context void *mutex) {
    if (__tsan_release) __tsan_release(mutex);
    unlock(mutex);
}
