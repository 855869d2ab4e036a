internal import Glibc

/// Where things are while tests run.
public enum TestFolders {
    /// The package's top folder.
    public static let packageRoot: String = {
        // …/Tests/Support/TestFolders.swift
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    /// The folder with the executables that were built with the tests.
    public static let products: String = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        precondition(count > 0, "the kernel knows where this program is")
        let path = String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }()

    /// A new empty folder of this test's; its path is short enough for a socket in it. It is removed with everything in
    /// it when the test process ends, however it ends.
    public static func temporary(_ name: String = "test") throws -> String {
        var template = Array("/tmp/fanfare-\(name)-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else { throw SpawnError("mkdtemp", errno) }
        let folder = String(cString: path)
        try ProcessGuard.shared.removeAtEnd(folder)
        return folder
    }

    /// The value of an environment variable, nil when it is not set or empty.
    public static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The whole text of a file, empty when there is none.
    public static func text(of path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends `text` to a file.
    public static func append(_ text: String, to path: String) throws {
        guard let file = fopen(path, "ae") else { throw SpawnError("open \(path)", errno) }
        let written = fputs(text, file)
        guard fclose(file) == 0, written >= 0 else { throw SpawnError("write \(path)", errno) }
    }
}
