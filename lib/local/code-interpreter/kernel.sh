# A bash kernel of the local code interpreter: runs inside a sandbox by `bash -c`, reads each execution
# from stdin up to a NUL, keeps variables, functions and the folder in between. What the code prints goes
# out as it is; frames of the interpreter's own: RS, the nonce, JSON, newline. Names begin with __e2b.
__e2b_nonce=$1
shift
__e2b_tell() { printf '\036%s%s\n' "$__e2b_nonce" "$1"; }
exec {__e2b_in}<&0 </dev/null
trap : INT
__e2b_tell '{"type":"ready"}'
while IFS= read -r -d '' -u "$__e2b_in" __e2b_code; do
  eval "$__e2b_code"
  __e2b_status=$?
  if [ "$__e2b_status" -ne 0 ]; then
    __e2b_tell "{\"type\":\"error\",\"name\":\"\",\"value\":\"$__e2b_status\",\"traceback\":\"\"}"
  fi
  __e2b_tell '{"type":"end"}' >&2
  __e2b_tell '{"type":"end"}'
done
