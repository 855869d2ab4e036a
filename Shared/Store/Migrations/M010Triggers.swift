/// Conditions: the filter of a webhook, and triggers, which look at events and act.
enum M010Triggers {
    static let sql = """
        -- A condition on the envelope (RFC 9535 §2.3.5), judged after the type; null: none.
        alter table fanfare.webhooks add column filter text;
        alter table fanfare.webhook_revisions add column filter text;

        create or replace function fanfare.revise_webhook_v1(p_webhook text, p_status text) returns bigint
        language plpgsql volatile as $$
        declare
            v_version bigint;
            v_from bigint;
        begin
            update fanfare.feed_head set config_version = config_version + 1 where shard = 0
            returning config_version, next_pos into v_version, v_from;
            update fanfare.webhook_revisions set to_pos = v_from where webhook_id = p_webhook and to_pos is null;
            insert into fanfare.webhook_revisions (version, webhook_id, tenant_id, from_pos, status, url, events,
                timeout_s, schedule, secrets, filter)
            select v_version, w.id, w.tenant_id, v_from, coalesce(p_status, w.status), w.url, w.events, w.timeout_s,
                w.schedule, w.secrets, w.filter
            from fanfare.webhooks w where w.id = p_webhook;
            update fanfare.webhooks set version = v_version, updated_at = now() where id = p_webhook;
            perform pg_notify('fanfare_config', v_version::text);
            return v_version;
        end $$;

        create function fanfare.create_webhook_v2(
            p_id text, p_tenant text, p_url text, p_events text[], p_status text, p_timeout int, p_schedule int[],
            p_description text, p_metadata text, p_secrets text[], p_filter text
        ) returns setof fanfare.webhooks language plpgsql volatile as $$
        begin
            insert into fanfare.webhooks (id, tenant_id, url, events, status, timeout_s, schedule, description,
                metadata, secrets, filter, version)
            values (p_id, p_tenant, p_url, p_events, p_status, p_timeout, p_schedule, p_description, p_metadata,
                p_secrets, p_filter, 0);
            perform fanfare.revise_webhook_v1(p_id, null);
            return query select * from fanfare.webhooks where id = p_id;
        end $$;

        -- As version 1, and the column `filter`.
        create function fanfare.update_webhook_v2(
            p_tenant text, p_id text, p_set text[], p_active boolean, p_url text, p_events text[], p_timeout int,
            p_schedule int[], p_description text, p_metadata text, p_filter text
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
                filter = case when 'filter' = any (p_set) then p_filter else filter end,
                status = case when not 'active' = any (p_set) then status when p_active then 'active'
                    when status = 'disabled' then status else 'paused' end,
                status_reason = case when 'active' = any (p_set) and p_active then null else status_reason end,
                updated_at = now()
            where id = p_id returning * into v_new;
            if (v_new.url, v_new.events, v_new.timeout_s, v_new.schedule, v_new.status, v_new.filter)
                is distinct from
                (v_old.url, v_old.events, v_old.timeout_s, v_old.schedule, v_old.status, v_old.filter) then
                perform fanfare.revise_webhook_v1(p_id, null);
            end if;
            return query select * from fanfare.webhooks where id = p_id;
        end $$;

        -- A trigger: which events it answers, and how. One with a URL has its door's half (what it is verified with, what
        -- its door allows) as an integration with the same 26 characters and the channel `generic.<preset>`.
        create table fanfare.triggers (
            id text collate "C" primary key,
            tenant_id text collate "C" not null references fanfare.tenants on delete cascade,
            name text not null default '',
            -- JSON, checked by the API, without secrets
            document text not null,
            is_active boolean not null default true,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        );
        create index triggers_tenant on fanfare.triggers (tenant_id, id);

        -- As `webhook_revisions`. No document: from then on it answers nothing.
        create table fanfare.trigger_revisions (
            version bigint not null,
            trigger_id text collate "C" not null,
            tenant_id text collate "C" not null,
            document text,
            from_pos bigint not null,
            to_pos bigint,
            made_at timestamptz not null default now(),
            primary key (version, trigger_id)
        );
        create index trigger_revisions_trigger on fanfare.trigger_revisions (trigger_id) where to_pos is null;

        -- What came of events that a trigger with a pause between actions saw, so that a repeat comes to the same.
        create table fanfare.trigger_events (
            trigger_id text collate "C" not null,
            event_id text collate "C" not null,
            at timestamptz not null,
            acted boolean not null,
            primary key (trigger_id, event_id)
        );
        create index trigger_events_acted on fanfare.trigger_events (trigger_id, at);

        create function fanfare.triggers_changed() returns trigger language plpgsql as $$
        declare
            v_version bigint;
            v_from bigint;
        begin
            if not exists (select 1 from changed) then return null; end if;
            update fanfare.feed_head set config_version = config_version + 1 where shard = 0
            returning config_version, next_pos into v_version, v_from;
            update fanfare.trigger_revisions r set to_pos = v_from from changed c
            where r.trigger_id = c.id and r.to_pos is null;
            insert into fanfare.trigger_revisions (version, trigger_id, tenant_id, document, from_pos)
            select v_version, c.id, c.tenant_id, case when tg_op <> 'DELETE' and c.is_active then c.document end, v_from
            from changed c;
            if tg_op = 'DELETE' then
                delete from fanfare.trigger_events e using changed c where e.trigger_id = c.id;
            end if;
            perform pg_notify('fanfare_config', v_version::text);
            return null;
        end $$;
        create trigger triggers_made after insert on fanfare.triggers
            referencing new table as changed for each statement execute function fanfare.triggers_changed();
        create trigger triggers_changed after update on fanfare.triggers
            referencing new table as changed for each statement execute function fanfare.triggers_changed();
        create trigger triggers_ended after delete on fanfare.triggers
            referencing old table as changed for each statement execute function fanfare.triggers_changed();

        -- p_channel null: it has no URL.
        create function fanfare.create_trigger_v1(
            p_id text, p_tenant text, p_name text, p_document text, p_active boolean, p_door text, p_channel text,
            p_config text, p_secrets text, p_secret_id text
        ) returns setof fanfare.triggers language plpgsql volatile as $$
        begin
            if p_channel is not null then
                insert into fanfare.integrations (id, tenant_id, channel, name, config, is_active, secrets, secret_ids,
                    secret_made, version)
                values (p_door, p_tenant, p_channel, p_name, p_config, p_active, array[p_secrets], array[p_secret_id],
                    array[now()], 0);
            end if;
            return query insert into fanfare.triggers (id, tenant_id, name, document, is_active)
                values (p_id, p_tenant, p_name, p_document, p_active) returning *;
        end $$;

        -- p_secrets null: they stay; p_channel null: its URL ends, if it had one.
        create function fanfare.update_trigger_v1(
            p_tenant text, p_id text, p_name text, p_document text, p_active boolean, p_door text, p_channel text,
            p_config text, p_secrets text, p_secret_id text
        ) returns setof fanfare.triggers language plpgsql volatile as $$
        begin
            perform 1 from fanfare.triggers where tenant_id = p_tenant and id = p_id for update;
            if not found then return; end if;
            if p_channel is null then
                delete from fanfare.integrations where id = p_door and tenant_id = p_tenant;
            elsif p_secrets is null then
                update fanfare.integrations set channel = p_channel, name = p_name, config = p_config,
                    is_active = p_active
                where id = p_door and tenant_id = p_tenant;
            else
                insert into fanfare.integrations (id, tenant_id, channel, name, config, is_active, secrets, secret_ids,
                    secret_made, version)
                values (p_door, p_tenant, p_channel, p_name, p_config, p_active, array[p_secrets], array[p_secret_id],
                    array[now()], 0)
                on conflict (id) do update set channel = p_channel, name = p_name, config = p_config,
                    is_active = p_active, secrets = array[p_secrets], secret_ids = array[p_secret_id],
                    secret_made = array[now()], secret_until = '{}';
            end if;
            return query update fanfare.triggers set name = p_name, document = p_document, is_active = p_active,
                updated_at = now() where id = p_id returning *;
        end $$;

        create function fanfare.delete_trigger_v1(p_tenant text, p_id text, p_door text) returns boolean
        language plpgsql volatile as $$
        begin
            delete from fanfare.integrations where id = p_door and tenant_id = p_tenant
                and exists (select 1 from fanfare.triggers where id = p_id and tenant_id = p_tenant);
            delete from fanfare.triggers where id = p_id and tenant_id = p_tenant;
            return found;
        end $$;

        -- Whether triggers may act on events, in order of the feed: not within p_pauses seconds after one that they acted
        -- on. Asked again, the answer is the same.
        create function fanfare.pause_triggers_v1(
            p_triggers text[], p_events text[], p_at timestamptz[], p_pauses int[]
        ) returns table (o_acts boolean) language plpgsql volatile as $$
        declare
            v_acts boolean;
        begin
            for i in 1 .. cardinality(p_triggers) loop
                select acted into v_acts from fanfare.trigger_events
                where trigger_id = p_triggers[i] and event_id = p_events[i];
                if not found then
                    v_acts := not exists (select 1 from fanfare.trigger_events
                        where trigger_id = p_triggers[i] and acted
                            and at > p_at[i] - make_interval(secs => p_pauses[i]));
                    insert into fanfare.trigger_events (trigger_id, event_id, at, acted)
                    values (p_triggers[i], p_events[i], p_at[i], v_acts);
                    -- nobody asks again for what is older than the longest pause and the longest dedupe window
                    delete from fanfare.trigger_events
                    where trigger_id = p_triggers[i] and at < p_at[i] - interval '8 days';
                end if;
                o_acts := v_acts;
                return next;
            end loop;
        end $$;
        """
}
