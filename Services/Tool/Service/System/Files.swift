internal import CLinux
internal import Glibc

/// Small files, read and written whole.
enum Files {
    static let privateMode: mode_t = 0o600
    static let publicMode: mode_t = 0o644
    /// Whatever is larger is not one of ours.
    private static let largest = 64 << 20

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

    /// Nil when the file cannot be read.
    static func bytes(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return bytes(descriptor)
    }

    /// Everything up to the end of the file or pipe; nil when it cannot be read.
    static func bytes(_ descriptor: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < largest {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return bytes
    }

    static func text(_ path: String) -> String? { bytes(path).map { String(decoding: $0, as: UTF8.self) } }

    /// The last lines of a file, at most `count`.
    static func lastLines(_ path: String, _ count: Int) -> [String] {
        let lines = (text(path) ?? "").split(separator: "\n")
        return lines.suffix(count).map(String.init)
    }

    /// Replaces the file in one step: readers see the old or the new one, also after a crash.
    static func write(_ text: String, to path: String, mode: mode_t) throws(ToolError) {
        let temporary = "\(path).\(getpid()).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("cannot write \(path)") }
        let bytes = Array(text.utf8)
        // The mode of an existing file, or the umask, may say otherwise.
        let isWritten =
            fchmod(descriptor, mode) == 0 && Glibc.write(descriptor, bytes, bytes.count) == bytes.count
            && fsync(descriptor) == 0
        let reason = errno
        close(descriptor)
        guard isWritten, rename(temporary, path) == 0 else {
            errno = isWritten ? errno : reason
            let error = failure("cannot write \(path)")
            unlink(temporary)
            throw error
        }
    }

    /// Makes a folder and those above it; nothing happens when it is there.
    static func makeFolder(_ path: String, mode: mode_t = 0o755) throws(ToolError) {
        if isFolder(path) { return }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try makeFolder(String(path[..<slash]))
        }
        guard mkdir(path, mode) == 0 || (errno == EEXIST && isFolder(path)) else {
            throw failure("cannot make the folder \(path)")
        }
    }

    static func isFolder(_ path: String) -> Bool {
        var information = stat()
        return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
    }

    /// In nanoseconds; nil when there is nothing at the path.
    static func modificationTime(_ path: String) -> Int64? {
        var information = stat()
        guard stat(path, &information) == 0 else { return nil }
        return Int64(information.st_mtim.tv_sec) * 1_000_000_000 + Int64(information.st_mtim.tv_nsec)
    }

    static func remove(_ path: String) { unlink(path) }

    /// The path without symbolic links; nil when there is nothing at it.
    static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// What a symbolic link says; nil when it cannot be read.
    static func target(ofLink path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4_096)
        let count = readlink(path, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The path as seen from the root; it need not exist.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        var buffer = [CChar](repeating: 0, count: 4_096)
        guard getcwd(&buffer, buffer.count) != nil else { return path }
        let folder = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return rest.isEmpty || rest == "." ? folder : "\(folder)/\(rest)"
    }

    /// An error of the last system call.
    static func failure(_ what: String) -> ToolError {
        ToolError(.environment, "\(what): \(String(cString: strerror(errno)))")
    }
}
