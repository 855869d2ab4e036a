internal import Database

extension DatabaseError {
    /// A row was to belong to a tenant that does not exist (any more): every such reference is named `…_tenant_id_fkey`.
    var isMissingTenant: Bool { code == .constraint && constraint?.hasSuffix("_tenant_id_fkey") == true }
}
