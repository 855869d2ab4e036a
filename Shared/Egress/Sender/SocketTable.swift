internal import CLinux
internal import Glibc

/// The sockets of a worker in its epoll, by descriptor.
///
/// A socket stays in epoll from its first use to its end, although libcurl takes it out after each exchange: that saves
/// two system calls an exchange. One that becomes readable while libcurl does not watch it (its peer has closed) is
/// taken out then, or it would wake the loop for ever.
final class SocketTable {
    private struct Slot {
        /// What libcurl waits for, and what epoll waits for; 0: nothing, not registered.
        var interest: UInt32 = 0
        var registered: UInt32 = 0
        var lane: Int32 = -1
    }

    private let epoll: Int32
    private var slots: [Slot] = []
    private(set) var open = 0
    private(set) var openedInTotal = 0

    init(epoll: Int32) {
        self.epoll = epoll
    }

    func opened(_ descriptor: Int32) {
        if Int(descriptor) >= slots.count {
            slots.append(contentsOf: repeatElement(Slot(), count: Int(descriptor) + 64 - slots.count))
        }
        slots[Int(descriptor)] = Slot()
        open += 1
        openedInTotal += 1
    }

    func close(_ descriptor: Int32) {
        // The kernel takes a closed descriptor out of epoll.
        slots[Int(descriptor)] = Slot()
        open -= 1
        Glibc.close(descriptor)
    }

    func watch(_ descriptor: Int32, interest: UInt32, lane: Int) {
        let index = Int(descriptor)
        guard index < slots.count else { return }
        slots[index].interest = interest
        slots[index].lane = Int32(lane)
        guard interest != 0, slots[index].registered != interest else { return }
        control(slots[index].registered == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, interest)
        slots[index].registered = interest
    }

    /// The lane that waits for the socket; nil if none does.
    func waitingLane(of descriptor: Int32) -> Int? {
        let index = Int(descriptor)
        guard index < slots.count else { return nil }
        guard slots[index].interest == 0 else { return Int(slots[index].lane) }
        if slots[index].registered != 0 {
            control(EPOLL_CTL_DEL, descriptor, 0)
            slots[index].registered = 0
        }
        return nil
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ interest: UInt32) {
        var event = epoll_event()
        event.events = interest
        event.data.fd = descriptor
        epoll_ctl(epoll, operation, descriptor, &event)
    }
}
