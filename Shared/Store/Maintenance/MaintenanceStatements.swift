internal import Database

/// The statements of `Maintenance`.
enum MaintenanceStatements {
    static let adopt = Statement("maintenance.adopt", "select fanfare.adopt_cluster_v1()")
    static let extend = Statement("maintenance.extend", "select fanfare.extend_partitions_v1($1)")
    static let ahead = Statement("maintenance.ahead", "select parent, ahead from fanfare.partitions_ahead_v1()")
    static let expired = Statement(
        "maintenance.expired",
        """
        select parent, name, to_value, state from fanfare.expired_partitions_v1(
            make_interval(secs => $1), make_interval(secs => $2), make_interval(secs => $3))
        """)
    static let rollAudit = Statement("maintenance.roll", "select fanfare.roll_audit_v1(make_interval(secs => $1))")
    static let retire = Statement("maintenance.retire", "select fanfare.retire_partition_v1($1, $2)::text")
    static let tryLock = Statement("maintenance.lock", "select pg_try_advisory_lock($1)")
    static let unlock = Statement("maintenance.unlock", "select pg_advisory_unlock($1)")
    static let purgeCursors = Statement(
        "maintenance.cursors", "select fanfare.purge_cursors_v1(make_interval(secs => $1), $2)")
    static let forget = Statement("maintenance.forget", "delete from fanfare.partitions where name = $1")
    static let purge = Statement(
        "maintenance.purge",
        "select fanfare.purge_v1(make_interval(secs => $1), make_interval(secs => $2), $3)")
    static let dropLetters = Statement(
        "maintenance.drop-letters",
        "select o_tenant, o_webhook, o_gone, o_waiting from fanfare.drop_dead_letters_v1(make_interval(secs => $1), $2)"
    )
    static let purgeJobs = Statement(
        "maintenance.purge-jobs", "select fanfare.purge_jobs_v1(make_interval(secs => $1), $2)")
}
