# SPDX-License-Identifier: ISC
# Reads the head comments of unit tests and fuzz targets and prints, as make rules, which objects each one links.
# "links:" may go on over several lines of the comment as long as they hold nothing but names of sources; "featured/call/" is all sources
# of that directory.

FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.c$/, "", name)
	fuzz = FILENAME ~ /_fuzz\.c$/
	more = 0
}

FNR <= 30 && /links:/ { sub(/.*links:/, ""); more = 1 }
FNR <= 30 && /libs:/ {
	sub(/.*libs:/, "")
	sub(/\*\/.*/, "")
	print name ".libs := " $0
	more = 0
}
more {
	end = /\*\//
	sub(/\*\/.*/, "")
	sub(/^ \* */, "")
	if ($0 !~ /^[ \t]*[a-z]/ || $0 ~ /[^a-zA-Z0-9_.\/ \t-]/)
		more = 0
	for (i = 1; more && i <= NF; i++) {
		if ($i !~ /(\.c|\/)$/) {
			more = 0
			break
		}
		target = B (fuzz ? "/fuzz/" : "/test/") name
		objects = B (fuzz ? "/fuzz/obj/" : "/obj/")
		if ($i ~ /\/$/)
			print target ": $(patsubst %.c," objects "%.o,$(wildcard " $i "*.c))"
		else
			print target ": " objects substr($i, 1, length($i) - 1) "o"
	}
	if (end)
		more = 0
}
