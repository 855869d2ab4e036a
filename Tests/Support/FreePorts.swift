internal import Glibc

/// Ports of the loopback interface that nobody uses at the moment.
public enum FreePorts {
    /// One port.
    public static func one() -> Int { consecutive(1) }

    /// The first of `count` ports in a row. They lie below the kernel's range for outgoing connections, so that none of
    /// these takes one before the test's own server binds it.
    public static func consecutive(_ count: Int) -> Int {
        while true {
            let first = Int.random(in: 11_000..<32_000 - count)
            if (first..<first + count).allSatisfy(isFree) { return first }
        }
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = INADDR_ANY
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
