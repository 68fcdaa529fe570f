#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh FUZZER FOUND SEEDS OPTION...: runs a fuzzer over what it found before and its seeds.
fuzzer=$(realpath "$1") found=$2 seeds=$3
shift 3
mkdir -p "$found" || exit 1
if [ -d "$seeds" ]; then
	set -- "$@" "$found" "$seeds"
else
	set -- "$@" "$found"
fi
cd "$found" || exit 1 # crash files land where they do no harm
exec "$fuzzer" -artifact_prefix="$found-" "$@"
