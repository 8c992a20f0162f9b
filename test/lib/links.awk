# SPDX-License-Identifier: ISC
# Reads the head comments of unit tests and fuzz targets and prints, as make rules, which objects each one links.
# "links:" may go on over several lines of the comment as long as they hold nothing but names of sources.

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
		if ($i !~ /\.c$/) {
			more = 0
			break
		}
		obj = $i
		sub(/\.c$/, ".o", obj)
		if (fuzz)
			print B "/fuzz/" name ": " B "/fuzz/obj/" obj
		else
			print B "/test/" name ": " B "/obj/" obj
	}
	if (end)
		more = 0
}
