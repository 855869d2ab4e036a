internal import Glibc

/// Debian's nginx in front of processes under test, with `deploy/nginx/fanfare.conf` as users take it but for addresses and what a
/// test changes by name. End it with `stop` at the end of the test.
public final class Nginx: Sendable {
    /// Where nginx is; nil where there is none.
    public static let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        .first(where: TestFolders.exists)

    public let port: Int
    public let process: ProcessUnderTest

    /// Starts it and waits until it listens.
    ///
    /// - Parameters:
    ///   - ingest: Ports of `fanfare-ingest` processes on the loopback interface.
    ///   - feed: Ports of `fanfare-feed` processes.
    ///   - changes: Text of the file and what stands there instead; text that is not there is an error.
    public init(ingest: [Int], feed: [Int], changes: [(String, String)] = []) async throws {
        guard let program = Self.program else { throw SpawnError("there is no nginx") }
        port = FreePorts.one()
        let folder = try TestFolders.temporary("nginx")
        let shipped = TestFolders.text(of: "\(TestFolders.packageRoot)/deploy/nginx/fanfare.conf")
        var text = try Self.replaced("    listen 80;", by: "    listen 127.0.0.1:\(port);", in: shipped)
        for (prefix, last, ports) in [("10.0.0.1", 3400, ingest), ("10.0.0.2", 3401, feed)] {
            let servers = ports.map { "    server 127.0.0.1:\($0) max_fails=0;" }.joined(separator: "\n")
            text = try Self.replaced("    server \(prefix)1:\(last) max_fails=0;", by: servers, in: text)
            text = try Self.replaced("    server \(prefix)2:\(last) max_fails=0;\n", by: "", in: text)
        }
        for (old, new) in changes { text = try Self.replaced(old, by: new, in: text) }
        try TestFolders.append(text, to: "\(folder)/fanfare.conf")
        // The workers stay who we are: they write to this folder.
        let user = getuid() == 0 ? "user root;\n" : ""
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "    \($0)_temp_path \(folder)/\($0);" }.joined(separator: "\n")
        try TestFolders.append(
            """
            \(user)daemon off;
            worker_processes 1;
            pid \(folder)/nginx.pid;
            error_log stderr warn;
            events { worker_connections 1024; }
            http {
                access_log off;
            \(temporary)
                include \(folder)/fanfare.conf;
            }

            """, to: "\(folder)/nginx.conf")
        process = try ProcessUnderTest(
            program, ["-p", folder, "-c", "\(folder)/nginx.conf", "-e", "stderr"], folder: folder, log: "nginx")
        try await eventually("nginx listens") { [process, port] in
            guard process.isRunning else { throw SpawnError("nginx ended: \(process.errors)") }
            return (try? await TestHTTP.request(port: port, "/")) != nil
        }
    }

    public func stop() async { await process.stop(within: .seconds(5)) }

    private static func replaced(_ old: String, by new: String, in text: String) throws -> String {
        guard let start = text.firstRange(of: old) else {
            throw SpawnError("deploy/nginx/fanfare.conf does not say: \(old)")
        }
        var text = text
        text.replaceSubrange(start, with: new)
        return text
    }
}
