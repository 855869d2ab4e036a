/// Changes of webhooks and tenants, each one call: what matters to matching takes the feed's head, which is never held
/// across a client's round trip.
enum M006Management {
    static let sql = """
        create function fanfare.create_webhook_v1(
            p_id text, p_tenant text, p_url text, p_events text[], p_status text, p_timeout int, p_schedule int[],
            p_description text, p_metadata text, p_secrets text[]
        ) returns setof fanfare.webhooks language plpgsql volatile as $$
        begin
            insert into fanfare.webhooks (id, tenant_id, url, events, status, timeout_s, schedule, description,
                metadata, secrets, version)
            values (p_id, p_tenant, p_url, p_events, p_status, p_timeout, p_schedule, p_description, p_metadata,
                p_secrets, 0);
            perform fanfare.revise_webhook_v1(p_id, null);
            return query select * from fanfare.webhooks where id = p_id;
        end $$;

        -- p_set names the columns to change, so that two callers who change different ones lose nothing. Only what
        -- matters to matching and sending makes a revision. p_active true: active, whatever it was; false: paused,
        -- unless it is disabled.
        create function fanfare.update_webhook_v1(
            p_tenant text, p_id text, p_set text[], p_active boolean, p_url text, p_events text[], p_timeout int,
            p_schedule int[], p_description text, p_metadata text
        ) returns setof fanfare.webhooks language plpgsql volatile as $$
        declare
            v_old fanfare.webhooks;
            v_new fanfare.webhooks;
        begin
            select * into v_old from fanfare.webhooks where tenant_id = p_tenant and id = p_id for update;
            if not found then return; end if;
            update fanfare.webhooks set
                url = case when 'url' = any (p_set) then p_url else url end,
                events = case when 'events' = any (p_set) then p_events else events end,
                timeout_s = case when 'timeout_s' = any (p_set) then p_timeout else timeout_s end,
                schedule = case when 'schedule' = any (p_set) then p_schedule else schedule end,
                description = case when 'description' = any (p_set) then p_description else description end,
                metadata = case when 'metadata' = any (p_set) then p_metadata else metadata end,
                status = case when not 'active' = any (p_set) then status when p_active then 'active'
                    when status = 'disabled' then status else 'paused' end,
                status_reason = case when 'active' = any (p_set) and p_active then null else status_reason end,
                updated_at = now()
            where id = p_id returning * into v_new;
            if (v_new.url, v_new.events, v_new.timeout_s, v_new.schedule, v_new.status)
                is distinct from (v_old.url, v_old.events, v_old.timeout_s, v_old.schedule, v_old.status) then
                perform fanfare.revise_webhook_v1(p_id, null);
            end if;
            return query select * from fanfare.webhooks where id = p_id;
        end $$;

        create function fanfare.delete_webhook_v1(p_tenant text, p_id text) returns boolean
        language plpgsql volatile as $$
        begin
            perform 1 from fanfare.webhooks where tenant_id = p_tenant and id = p_id for update;
            if not found then return false; end if;
            perform fanfare.revise_webhook_v1(p_id, 'deleted');
            delete from fanfare.webhooks where id = p_id;
            return true;
        end $$;

        -- An endpoint that answered 410, or that failed for too long. Nothing happens where it is not active.
        create function fanfare.disable_webhook_v1(p_id text, p_reason text) returns boolean
        language plpgsql volatile as $$
        begin
            update fanfare.webhooks set status = 'disabled', status_reason = p_reason, updated_at = now()
            where id = p_id and status in ('active', 'pending');
            if not found then return false; end if;
            perform fanfare.revise_webhook_v1(p_id, null);
            return true;
        end $$;

        -- Takes a tenant's tokens away, then ends up to p_limit of its webhooks, and removes the tenant when none is
        -- left. Null: no such tenant; false: call again.
        create function fanfare.delete_tenant_v1(p_tenant text, p_limit int) returns boolean
        language plpgsql volatile as $$
        declare v_id text;
        begin
            -- the tenant's row is locked, so no webhook can be added meanwhile
            perform 1 from fanfare.tenants where id = p_tenant for update;
            if not found then return null; end if;
            delete from fanfare.tokens where tenant_id = p_tenant;
            for v_id in select id from fanfare.webhooks where tenant_id = p_tenant order by id limit p_limit for update
            loop
                perform fanfare.revise_webhook_v1(v_id, 'deleted');
                delete from fanfare.webhooks where id = v_id;
            end loop;
            if exists (select 1 from fanfare.webhooks where tenant_id = p_tenant) then return false; end if;
            delete from fanfare.tenants where id = p_tenant;
            return true;
        end $$;
        """
}
