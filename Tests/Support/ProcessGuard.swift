internal import CLinux
internal import Glibc
internal import Synchronization

/// Ends everything that tests started when the test process ends, however it ends.
///
/// A small shell reads the names of process groups and folders from a pipe; the kernel closes the pipe when the test
/// process is gone, and the shell then kills and removes what is left. (`PR_SET_PDEATHSIG` follows the thread that
/// spawned, not the process, so it cannot do this.)
public final class ProcessGuard: Sendable {
    public static let shared = ProcessGuard()

    private struct State {
        /// The pipe's end for writing; nil until the shell runs.
        var pipe: Int32?
        var groups: Set<Int32> = []
    }

    private let state = Mutex(State())

    private static let script = """
        groups=" " folders=""
        while read -r action name; do
            case $action in
            watch) groups="$groups$name " ;;
            forget) groups="${groups%% $name *} ${groups#* $name }" ;;
            remove) folders="$folders $name" ;;
            esac
        done
        for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
        [ -z "$folders" ] || rm -rf $folders
        """

    /// Kills the process group at the end, with whatever is in it then.
    public func watch(group: Int32) throws {
        try state.withLock { state in
            // The number of a group that has died out may be another's soon.
            for gone in state.groups where kill(-gone, 0) != 0 {
                try ProcessGuard.tell("forget \(gone)\n", &state)
                state.groups.remove(gone)
            }
            try ProcessGuard.tell("watch \(group)\n", &state)
            state.groups.insert(group)
        }
    }

    /// Removes a folder at the end; its path has no blanks.
    public func removeAtEnd(_ folder: String) throws {
        try state.withLock { try ProcessGuard.tell("remove \(folder)\n", &$0) }
    }

    private static func tell(_ line: String, _ state: inout State) throws {
        let pipe = try state.pipe ?? start()
        state.pipe = pipe
        let bytes = Array(line.utf8)
        // Shorter than PIPE_BUF: written whole or not at all.
        guard write(pipe, bytes, bytes.count) == bytes.count else { throw SpawnError("write", errno) }
    }

    private static func start() throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw SpawnError("pipe2", errno) }
        defer { close(ends[0]) }
        _ = try Spawn.run(
            ["/bin/sh", "-c", script], environment: ["PATH=/usr/bin:/bin"], input: ends[0], output: nil, errors: nil)
        return ends[1]
    }
}
