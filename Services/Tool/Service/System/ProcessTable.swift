internal import CLinux
internal import Glibc

/// A process, told apart from a later one with the same number by when it began.
struct ProcessIdentity: Hashable, Sendable {
    let pid: Int32
    /// In clock ticks since the machine started.
    let startTime: UInt64

    /// Whether it lives; one that has ended and waits for its parent does not.
    var isAlive: Bool {
        guard let information = ProcessTable.information(pid) else { return false }
        return information.startTime == startTime && !information.isZombie
    }

    /// Sends a signal, unless the process has ended.
    func send(_ signal: Int32) {
        if isAlive { kill(pid, signal) }
    }
}

/// What `/proc/PID/stat` tells of a process.
struct ProcessInformation: Sendable, Hashable {
    /// The first 15 bytes of the program's name.
    var name: String
    var state: Character
    var parent: Int32
    /// User and system time in clock ticks.
    var cpuTicks: UInt64
    /// The same of its children that have ended and were waited for.
    var endedChildrenTicks: UInt64
    var startTime: UInt64

    /// With those that are still ending: they hold the ports and files of a process that was killed.
    var threads: Int

    /// Ended, and waited for by nobody yet.
    var isZombie: Bool { (state == "Z" || state == "X") && threads <= 1 }

    /// - Parameter text: `pid (name) state ppid …`; the name may hold blanks and parentheses.
    init?(parsing text: String) {
        guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close else { return nil }
        // Field n of proc(5) stands at n - 3 here.
        let fields = text[text.index(after: close)...].split { $0 == " " || $0 == "\n" }
        guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]),
            let user = UInt64(fields[11]), let system = UInt64(fields[12]),
            let childrenUser = UInt64(fields[13]), let childrenSystem = UInt64(fields[14]),
            let threads = Int(fields[17]), let start = UInt64(fields[19])
        else { return nil }
        name = String(text[text.index(after: open)..<close])
        self.state = state
        self.parent = parent
        cpuTicks = user + system
        endedChildrenTicks = childrenUser + childrenSystem
        self.threads = threads
        startTime = start
    }
}

/// The kernel's list of processes.
enum ProcessTable {
    static func information(_ pid: Int32) -> ProcessInformation? {
        Files.text("/proc/\(pid)/stat").flatMap(ProcessInformation.init(parsing:))
    }

    /// Nil when there is no such process.
    static func identity(_ pid: Int32) -> ProcessIdentity? {
        information(pid).map { ProcessIdentity(pid: pid, startTime: $0.startTime) }
    }

    /// All processes.
    static func all() -> [(pid: Int32, information: ProcessInformation)] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var found: [(Int32, ProcessInformation)] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let pid = Int32(name), let information = information(pid) { found.append((pid, information)) }
        }
        return found
    }

    /// How long a process's end is looked for where the kernel cannot tell us.
    private static let pollMilliseconds: Int32 = 20

    /// Waits until the process has ended; false when it still runs after `limit`.
    static func waitForEnd(of process: ProcessIdentity, within limit: Duration) async -> Bool {
        await OwnThread.run("wait-\(process.pid)") { waitBlocking(process, limit) }
    }

    private static func waitBlocking(_ process: ProcessIdentity, _ limit: Duration) -> Bool {
        let deadline = ContinuousClock.now + limit
        // The descriptor is of whatever has the number now; checked after opening, it can be no other process later.
        let descriptor = linux_pidfd_open(process.pid)
        defer {
            if descriptor >= 0 { close(descriptor) }
            // A child of ours would stay behind as a zombie; for others this does nothing.
            waitpid(process.pid, nil, WNOHANG)
        }
        while process.isAlive {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return false }
            let milliseconds = Int32(
                clamping: left.components.seconds * 1_000 + 1 + left.components.attoseconds / 1_000_000_000_000_000)
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            poll(&wanted, descriptor >= 0 ? 1 : 0, descriptor >= 0 ? milliseconds : min(pollMilliseconds, milliseconds))
            waitpid(process.pid, nil, WNOHANG)
        }
        return true
    }
}
