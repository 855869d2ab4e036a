extension M014Endpoints {
    /// Credentials, header lines, asymmetric signatures, and verification before anything is matched.
    static let equipment = """
        alter table fanfare.webhooks
            -- sealed: a JSON object of header lines, and their names
            add column headers text,
            add column header_names text[] not null default '{}',
            -- sealed: a JSON object with the client's certificate and key; and what may be shown of it
            add column identity text,
            add column identity_subject text,
            add column identity_until timestamptz,
            -- PEM
            add column authorities text,
            add column authorities_until timestamptz,
            -- sealed: the seed of an Ed25519 key
            add column signing_key text,
            add column public_key text,
            -- nothing is matched before its endpoint has answered a test
            add column verify boolean not null default false,
            add column verified boolean not null default false;

        create or replace function fanfare.webhook_equipment_v1(w fanfare.webhooks) returns text language sql stable as $$
            select nullif(jsonb_strip_nulls(jsonb_build_object(
                'until', (select jsonb_agg((extract(epoch from t.until) * 1000000)::bigint order by t.place)
                    from unnest(w.secret_until) with ordinality as t(until, place)),
                'promoted', array_position(w.secret_ids, w.promoted) - 1,
                'headers', w.headers,
                'identity', w.identity,
                'identity_until', extract(epoch from w.identity_until)::bigint,
                'authorities', w.authorities,
                'v1a', w.signing_key
            )), '{}'::jsonb)::text
        $$;

        -- Whatever makes a webhook active, and wherever it moves to: unverified it waits.
        create function fanfare.webhook_unverified() returns trigger language plpgsql as $$
        begin
            if not new.verify then return new; end if;
            if tg_op = 'UPDATE' and new.url <> old.url then new.verified := false; end if;
            if not new.verified and new.status = 'active' then
                new.status := 'pending';
                new.status_reason := 'unverified';
            end if;
            return new;
        end $$;
        create trigger webhook_unverified before insert or update on fanfare.webhooks
            for each row execute function fanfare.webhook_unverified();

        -- Its endpoint answered: it is active, if it still is where it answered and waited for that.
        create function fanfare.verified_webhook_v1(p_tenant text, p_id text, p_url text) returns setof fanfare.webhooks
        language plpgsql volatile as $$
        declare v_old fanfare.webhooks;
        begin
            select * into v_old from fanfare.webhooks where tenant_id = p_tenant and id = p_id for update;
            if not found then return; end if;
            if v_old.url = p_url and not v_old.verified then
                update fanfare.webhooks set verified = true,
                    status = case when status = 'pending' then 'active' else status end,
                    status_reason = case when status = 'pending' then null else status_reason end, updated_at = now()
                where id = p_id;
                if v_old.status = 'pending' then perform fanfare.revise_webhook_v1(p_id, null); end if;
            end if;
            return query select * from fanfare.webhooks where id = p_id;
        end $$;

        -- Sets what few webhooks have; p names what changes. Makes a revision where it matters.
        create function fanfare.equip_webhook_v1(p_tenant text, p_id text, p jsonb) returns setof fanfare.webhooks
        language plpgsql volatile as $$
        declare
            v_old fanfare.webhooks;
            v_new fanfare.webhooks;
        begin
            select * into v_old from fanfare.webhooks where tenant_id = p_tenant and id = p_id for update;
            if not found then return; end if;
            if p <> '{}'::jsonb then
                update fanfare.webhooks set
                    headers = case when p ? 'headers' then p ->> 'headers' else headers end,
                    header_names = case when p ? 'header_names'
                        then array(select jsonb_array_elements_text(p -> 'header_names')) else header_names end,
                    identity = case when p ? 'identity' then p ->> 'identity' else identity end,
                    identity_subject = case when p ? 'identity' then p ->> 'identity_subject' else identity_subject end,
                    identity_until = case when p ? 'identity'
                        then to_timestamp((p ->> 'identity_until')::float8) else identity_until end,
                    authorities = case when p ? 'authorities' then p ->> 'authorities' else authorities end,
                    authorities_until = case when p ? 'authorities'
                        then to_timestamp((p ->> 'authorities_until')::float8) else authorities_until end,
                    signing_key = case when p ? 'signing_key' then p ->> 'signing_key' else signing_key end,
                    public_key = case when p ? 'signing_key' then p ->> 'public_key' else public_key end,
                    verify = case when p ? 'verify' then (p ->> 'verify')::boolean else verify end
                where id = p_id returning * into v_new;
                if v_new.status <> v_old.status or fanfare.webhook_equipment_v1(v_new)
                    is distinct from fanfare.webhook_equipment_v1(v_old) then
                    perform fanfare.revise_webhook_v1(p_id, null);
                end if;
            end if;
            return query select * from fanfare.webhooks where id = p_id;
        end $$;
        """
}
