#!/bin/bash
# What `./dev demo` runs: a page of this machine (page.py), a broker and an agent, with a certificate of their own, until
# Ctrl-C; with --once only until the page has come through. Read by `dev`, whose say, fail, usage, need and compile it
# uses.

started=()  # process ids, in the order of their start

stop_started() {
  local index
  for ((index = ${#started[@]} - 1; index >= 0; --index)); do
    kill -TERM "${started[index]}" 2>/dev/null || true
  done
  for index in "${started[@]}"; do wait "$index" 2>/dev/null || true; done
  started=()
}

# wait_for FILE PATTERN PID WHAT: until a line of FILE has it (10 s), or PID is gone; prints the line.
wait_for() {
  local tick
  for ((tick = 0; tick < 200; ++tick)); do
    grep -m1 -- "$2" "$1" 2>/dev/null && return
    kill -0 "$3" 2>/dev/null || break
    sleep 0.05
  done
  cat "$1" >&2
  fail "$4 did not start"
}

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# make_certificate DIR NAME: a small authority of its own, and a certificate by it for the broker and for NAME.localhost.
# (Few TLS libraries take a certificate for *.localhost.)
make_certificate() {
  local dir=$1 name=$2 key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  openssl req -x509 "${key[@]}" -keyout "$dir/ca.key" -out "$dir/ca.pem" -days 30 -subj '/CN=Tenfold demo authority' \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
  openssl req -x509 "${key[@]}" -keyout "$dir/broker.key" -out "$dir/broker.pem" -days 30 -subj '/CN=localhost' \
    -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -addext basicConstraints=critical,CA:FALSE \
    -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:'"$name.localhost" 2>/dev/null
}

# fetch DIR CURL-ARGUMENT…: the page must come.
fetch() {
  local dir=$1
  shift
  curl -sS --fail --max-time 10 "$@" >"$dir/got" || fail "demo: no answer: curl $*"
  grep -q 'Hello from your own machine' "$dir/got" || { cat "$dir/got" >&2; fail "demo: another page: curl $*"; }
}

demo() {
  local http=7080 https=7443 once="" dir url secure name page bin=build/release/bin
  while [ $# -gt 0 ]; do
    case $1 in
      --once) once=yes ;;
      --http-port | --https-port)
        [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ && $2 -le 65535 ]] || usage "demo: $1 needs a port from 1 to 65535, not '${2:-}'"
        if [ "$1" = --http-port ]; then http=$2; else https=$2; fi
        shift
        ;;
      *) usage "demo: unknown option $1 (there are --once, --http-port PORT, --https-port PORT)" ;;
    esac
    shift
  done
  port_free "$http" || fail "demo: port $http is in use; choose another with --http-port PORT"
  port_free "$https" || fail "demo: port $https is in use; choose another with --https-port PORT"
  need 'build and run the demo' "${build_packages[@]}" "${demo_packages[@]}"
  compile release bin/broker bin/agent

  dir=$(mktemp -d)
  trap 'stop_started; rm -rf "'"$dir"'"' EXIT
  trap 'exit 0' INT TERM
  name=$(printf 'demo-%04x' "$RANDOM")
  make_certificate "$dir" "$name"

  # Each in the background, with its output in a file and its id kept for the trap.
  python3 -u docs/demo/page.py >"$dir/page" 2>&1 &
  started+=($!)
  page=$(wait_for "$dir/page" '^listening ' $! 'the local page')
  "$bin/broker" --domain localhost --public-url "http://localhost:$http" --http "127.0.0.1:$http" \
    --https "127.0.0.1:$https" --tls-cert "$dir/broker.pem" --tls-key "$dir/broker.key" >"$dir/broker" 2>&1 &
  started+=($!)
  wait_for "$dir/broker" "listening.*127\.0\.0\.1:$https" $! 'the broker' >/dev/null
  "$bin/agent" expose "${page#listening }" --mux --print-requests --subdomain "$name" \
    --host "https://127.0.0.1:$https" --ca "$dir/ca.pem" --state-dir "$dir/state" >"$dir/agent" 2>&1 &
  started+=($!)
  url=$(wait_for "$dir/agent" '^your url is: ' $! 'the agent')
  echo "$url"
  url=${url#your url is: } secure=https://$name.localhost:$https/
  if [ -n "$once" ]; then
    fetch "$dir" --resolve "$name.localhost:$http:127.0.0.1" "$url/"
    fetch "$dir" --resolve "$name.localhost:$https:127.0.0.1" --cacert "$dir/ca.pem" "$secure"
    say 'demo: the page came through the tunnel, over http and https'
    return
  fi
  cat <<END

  Open it in a browser. What runs: a page on port ${page#listening }, which nobody but you can reach; an agent that has dialled
  the broker, once, over TLS; the broker, which hands every visitor of that address through.

  Try next, in another terminal:
    curl $url/
    curl --cacert $dir/ca.pem $secure
    $bin/agent expose 3000 --mux --host https://127.0.0.1:$https --ca $dir/ca.pem      (your own app on port 3000)

  Requests appear below. Ctrl-C stops everything.

END
  tail -n +1 -f --pid=$$ "$dir/agent" | grep --line-buffered -v '^your url is: ' &
  started+=($!)
  wait -n "${started[@]:1:2}" || true
  say 'demo: the broker or the agent ended by itself:'
  tail -n 5 "$dir/broker" "$dir/agent" >&2
  return 1
}
