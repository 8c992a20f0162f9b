/* SPDX-License-Identifier: ISC */
/*
 * The codec table: what mediad can name in SDP, in the order in which it prefers them. Read by
 * negotiation and by the RTP side. A new codec is a row here and a value of enum sdp_codec; nothing
 * else in the SDP code knows one by name.
 */
#include <string.h>
#include <strings.h>

#include "mediad/sdp.h"

static const struct sdp_codec_row rows[] = {
	{ SDP_CODEC_PCMU, "PCMU", 8000, 1, 0, true, "" },
	{ SDP_CODEC_PCMA, "PCMA", 8000, 1, 8, true, "" },
	{ SDP_CODEC_G722, "G722", 8000, 1, 9, true, "" },
	{ SDP_CODEC_OPUS, "opus", 48000, 2, 107, false, "useinbandfec=1;usedtx=1" },
};

const struct sdp_codec_row *
sdp_codec_rows(size_t *n)
{
	*n = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

const struct sdp_codec_row *
sdp_codec_row(enum sdp_codec codec)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].codec == codec)
			return &rows[i];
	return NULL;
}

const char *
sdp_codec_name(enum sdp_codec codec)
{
	const struct sdp_codec_row *row = sdp_codec_row(codec);

	return row != NULL ? row->name : "";
}

uint8_t
sdp_codec_order(const char *names, uint8_t order[SDP_CODEC_SLOTS])
{
	uint8_t n = 0;

	while (*names != '\0') {
		size_t len = strcspn(names, ",");

		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && n < SDP_CODEC_SLOTS; i++)
			if (strlen(rows[i].name) == len && memchr(order, rows[i].codec, n) == NULL &&
			    strncasecmp(names, rows[i].name, len) == 0)
				order[n++] = (uint8_t)rows[i].codec;
		names += len + (names[len] == ',');
	}
	return n;
}
