# The part that the benchmarks share: a server on this machine that replies `true` to everything, and input tables. To be
# sourced. `start_server` and `generate` work in "$folder", which `begin` makes.
# shellcheck shell=bash
# shellcheck disable=SC2154 # `folder` is set by `begin`.

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
# shellcheck disable=SC2034 # for whoever sources this
program=$target/release/offerit-sync

# Builds the program and makes "$folder" under the target folder or another one: name [where]. At any end of the script
# "$folder" is removed, and "$run" and "$server" are ended.
begin() {
    cargo build --release --locked --quiet
    folder=$(mktemp -d "${2:-$target}/$1.XXXXXX")
    server=
    run=
    trap clean EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

clean() {
    for pid in $run $server; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}

# Waits for "$run"; if it fails, shows its output under the name in $1 and ends the script.
finish() {
    if ! wait "$run"; then
        run=
        cat "$folder/said" >&2
        echo "failed: $1" >&2
        exit 1
    fi
    run=
}

# Installs packages with apt-get (which takes root) where a program is missing: program:package ...
install() {
    local missing=() pair
    for pair in "$@"; do
        # `type -P` ignores the `time` of the shell.
        type -P "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "installing ${missing[*]}" >&2
    apt-get update -qq >&2
    # The package must not start a server of its own.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Makes a certificate authority, "$folder/ca.pem", and a certificate of 127.0.0.1 that it signs.
make_certificates() {
    local new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
    {
        openssl req -x509 "${new_key[@]}" -days 30 -subj '/CN=benchmark' -keyout "$folder/ca.key" -out "$folder/ca.pem"
        openssl req -new "${new_key[@]}" -subj '/CN=127.0.0.1' -keyout "$folder/server.key" -out "$folder/server.csr"
        printf 'basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\n' >"$folder/server.ext"
        openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial \
            -days 30 -extfile "$folder/server.ext" -out "$folder/server.pem"
    } 2>"$folder/openssl.log" || { cat "$folder/openssl.log" >&2 && exit 1; }
}

# Starts one nginx worker at "$port": `start_server` for plain HTTP, `start_server ssl` for HTTPS after
# `make_certificates`. nginx ends at once if the port is taken; then another port is tried.
start_server() {
    local certificate=
    [ -z "${1:-}" ] || certificate="ssl_certificate $folder/server.pem; ssl_certificate_key $folder/server.key;"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + RANDOM % 20000))
        cat >"$folder/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/nginx.error.log;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    server {
        listen 127.0.0.1:$port ${1:-};
        $certificate
        default_type application/json;
        location / { return 200 'true'; }
    }
}
CONF
        nginx -p "$folder" -c "$folder/nginx.conf" -e "$folder/nginx.error.log" &
        server=$!
        for _ in $(seq 50); do
            kill -0 "$server" 2>/dev/null || break
            if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
            sleep 0.1
        done
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    done
    cat "$folder/nginx.error.log" >&2
    echo "nginx does not start" >&2
    exit 1
}

# Makes "$folder/ROWS.csv", about 120 bytes a row, a different id in each.
generate() {
    awk -v rows="$1" 'BEGIN {
        split("Anna Jürgen María Seán Zoë Łukasz Noah Björk", first, " ")
        split("Novak Weiß García Murphy Żak Smith Sørensen Costa", last, " ")
        split("Berlin Praha Łódź Sevilla Dublin Oslo Lyon Graz", city, " ")
        split("DE CZ PL ES IE NO FR AT", country, " ")
        print "customer_id,firstname,lastname,email,address1,city,country,zip,custom1,custom2"
        for (row = 1; row <= rows; row++) {
            one = row % 8 + 1; other = int(row / 8) % 8 + 1
            printf "%d,%s,%s,customer.%d@example.com,\"%d Station Road, Flat %d\",%s,%s,%05d,newsletter,2026-11-%02d\n",
                100000000 + row, first[one], last[other], row, row % 200 + 1, row % 40 + 1, city[one],
                country[other], row % 100000, row % 30 + 1
        }
    }' >"$folder/$1.csv"
}
