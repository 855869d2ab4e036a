internal import CLinux
internal import Glibc
internal import ServiceKit

/// Whether ports of the loopback interface are free.
enum Ports {
    static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        // As the services do it: connections of an earlier process, on their way out, are in nobody's way.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        return isBound && listen(descriptor, 1) == 0
    }

    /// - Throws: `environment`, naming the first port that somebody else has.
    static func check(_ services: [ServiceName], _ options: InstallationOptions) throws(ToolError) {
        for service in services {
            for port in [options.port(service), options.adminPort(service)].compactMap({ $0 }) where !isFree(port) {
                throw ToolError(
                    .environment,
                    "port \(port), which \(service.rawValue) is to use, is in use by another program; end that one, or take others with --port-base (this installation takes \(options.portBase) to \(options.portBase + InstallationOptions.portCount - 1))"
                )
            }
        }
    }
}
