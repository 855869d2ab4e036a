/// Rows of doors have neither a delivery nor a webhook, and each index entry costs as much as a column of the row.
enum M011AuditIndexes {
    static let sql = """
        drop index fanfare.webhook_audit_delivery;
        create index webhook_audit_delivery on fanfare.webhook_audit (delivery_id) where delivery_id is not null;
        drop index fanfare.webhook_audit_webhook;
        create index webhook_audit_webhook on fanfare.webhook_audit (tenant_id, webhook_id, seq)
            where webhook_id is not null;
        """
}
