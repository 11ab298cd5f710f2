#!/bin/sh
# Asterisk's own way to place many calls: a call file for each, so many in its spool at a time.
# usage: spool.sh SPOOL CHANNELS < numbers
# A call file stays in the folder `outgoing` until its call is over, and is then kept in `outgoing_done`.
set -eu
spool=$1 channels=$2

while read -r number; do
    while set -- "$spool"/outgoing/*; [ "$#" -ge "$channels" ]; do
        sleep 0.02
    done
    cat > "$spool/tmp/$number.call" <<CALL
Channel: PJSIP/$number@trunk
Context: dispatcher-ivr
Extension: 6500
Priority: 1
WaitTime: 30
MaxRetries: 0
Archive: yes
CALL
    mv "$spool/tmp/$number.call" "$spool/outgoing/$number.call"
done
while set -- "$spool"/outgoing/*; [ -e "$1" ]; do
    sleep 0.02
done
