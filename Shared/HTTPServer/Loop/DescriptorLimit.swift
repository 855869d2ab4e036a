internal import CLinux
internal import Glibc

/// The process's limit of open descriptors; the usual 1024 would make a promise of 10 000 connections empty.
enum DescriptorLimit {
    /// Raises the soft limit so that `count` are allowed, as far as the hard limit goes; never lowers it.
    ///
    /// - Returns: the limit now.
    static func raise(to count: Int) -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 0 }
        let wanted = min(rlim_t(clamping: count), limit.rlim_max)
        guard limit.rlim_cur < wanted else { return Int(clamping: limit.rlim_cur) }
        var raised = limit
        raised.rlim_cur = wanted
        return setrlimit(resource, &raised) == 0 ? Int(clamping: wanted) : Int(clamping: limit.rlim_cur)
    }
}
