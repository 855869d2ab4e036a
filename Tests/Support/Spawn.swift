internal import CLinux
internal import Glibc

/// A program that could not be started, or a system call of the test support that failed.
public struct SpawnError: Error, CustomStringConvertible {
    public let description: String

    init(_ call: String, _ code: Int32) {
        description = "\(call): \(String(cString: strerror(code)))"
    }

    init(_ description: String) { self.description = description }
}

/// posix_spawn with what tests need: a process group of its own, default signals, files for its output.
enum Spawn {
    /// Starts `arguments[0]` and returns its process id, which is its group's too.
    ///
    /// - Parameter input: a descriptor to read from, else `/dev/null`.
    /// - Parameter output: a file to append to, else `/dev/null`; `errors` alike.
    static func run(
        _ arguments: [String], environment: [String], input: Int32?, output: String?, errors: String?,
        folder: String? = nil
    ) throws -> Int32 {
        guard let program = arguments.first else { preconditionFailure("a command names its program") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        let writing = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output ?? "/dev/null", writing, 0o644)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors ?? "/dev/null", writing, 0o644)
        // Descriptors of other tests' that lack close-on-exec must not live on in the child.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        if let folder { posix_spawn_file_actions_addchdir_np(&actions, folder) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var pid: Int32 = 0
        let code = withCStrings(arguments) { arguments in
            withCStrings(environment) { posix_spawnp(&pid, program, &actions, &attributes, arguments, $0) }
        }
        guard code == 0 else { throw SpawnError("start \(program)", code) }
        return pid
    }

    private static func withCStrings<Result>(
        _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else {
                preconditionFailure("the list ends in nil, so it has an address")
            }
            return body(base)
        }
    }

    /// This process's environment with `changes` made to it; nil removes a variable.
    static func environment(_ changes: [String: String?]) -> [String] {
        var result: [String] = []
        var entry = environ
        while let text = entry.pointee {
            let line = String(cString: text)
            let name = line.prefix { $0 != "=" }
            if changes[String(name)] == nil { result.append(line) }
            entry += 1
        }
        return result + changes.compactMap { name, value in value.map { "\(name)=\($0)" } }.sorted()
    }
}
