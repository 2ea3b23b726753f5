#!/bin/sh
# Makes an installation of Baton from its sources: `build.sh SOURCES PREFIX`. Everything that is needed comes from Debian
# (13 or newer: nodejs 20.19, npm, python3, make, g++, libnode-dev) and from npm, in the versions of package-lock.json.
set -eu
sources=$1
prefix=$2

# Headers of Debian's Node, for what has to be compiled.
[ ! -e /usr/include/node/node_api.h ] || export npm_config_nodedir=/usr
cd "$sources"
npm ci --no-audit --no-fund
npm run build
packed=$(mktemp -d)
npm pack --silent --pack-destination "$packed"
npm install --global --prefix "$prefix" --no-audit --no-fund "$packed"/baton-*.tgz
# Sources of what was compiled are of no use any more.
modules=$prefix/lib/node_modules/baton/node_modules
rm -rf "$packed" "$modules"/better-sqlite3/deps "$modules"/better-sqlite3/src "$modules"/better-sqlite3/build/Release/obj*
find "$prefix" -name '*.map' -delete
