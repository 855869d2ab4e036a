internal import CLinux
internal import Glibc

/// An eventfd: how other threads wake one that waits in epoll, poll or read.
final class WakeEvent: Sendable {
    let descriptor: Int32

    /// - Parameter counts: Each `wait` takes one signal; else it takes all of them.
    init(counts: Bool = false, blocks: Bool = false) {
        var flags = EFD_CLOEXEC
        if counts { flags |= EFD_SEMAPHORE }
        if !blocks { flags |= EFD_NONBLOCK }
        descriptor = eventfd(0, Int32(flags))
        precondition(descriptor >= 0, "the system refuses an eventfd")
    }

    deinit {
        close(descriptor)
    }

    func signal() {
        eventfd_write(descriptor, 1)
    }

    /// Takes what was signalled; blocks for it only if made so.
    func take() {
        var value: eventfd_t = 0
        while eventfd_read(descriptor, &value) != 0, errno == EINTR {}
    }

    /// Waits for a signal until `milliseconds` have passed (-1: without end), and takes it.
    func wait(milliseconds: Int32) {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        if poll(&polled, 1, milliseconds) > 0 { take() }
    }
}
