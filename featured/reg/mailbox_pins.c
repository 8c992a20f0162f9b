/* SPDX-License-Identifier: ISC */
/*
 * See mailbox.h: PINs that were changed by phone, hashed with a salt each, and the counting of wrong
 * ones. They live in a checkpoint of their own and nowhere else: who loses it has the settings' PINs.
 */
#include <openssl/crypto.h>

#include <string.h>

#include "featured/reg/digest.h"
#include "featured/reg/mailbox_impl.h"

static void
pin_hash(const struct pin_rec *rec, const char *pin, uint8_t hash[32])
{
	uint8_t text[16 + 64] = { 0 };
	size_t n = strlen(pin);

	memcpy(text, rec->salt, 16);
	memcpy(text + 16, pin, n < 64 ? n : 64);
	digest_sha256(text, 16 + (n < 64 ? n : 64), hash);
	explicit_bzero(text, sizeof(text));
}

static bool
pin_save(struct mailbox *mb, struct box *box)
{
	if (box->pin_slot == CKPT_NONE)
		box->pin_slot = ckpt_alloc(mb->pins_ck);
	if (box->pin_slot == CKPT_NONE)
		return false;
	ckpt_put(mb->pins_ck, box->pin_slot, &box->pin);
	mailbox_sync_want(mb);
	return true;
}

bool
mailbox_pin_ok(const struct mailbox *mb, const char *user, const char *settings_pin,
    const char *pin)
{
	static const uint8_t none[32];
	const struct box *box = mailbox_box(mb, user);
	uint8_t hash[32];

	if (box == NULL || memcmp(box->pin.hash, none, sizeof(none)) == 0)
		return settings_pin[0] != '\0' && strlen(pin) == strlen(settings_pin) &&
		    CRYPTO_memcmp(pin, settings_pin, strlen(pin)) == 0;
	pin_hash(&box->pin, pin, hash);
	return CRYPTO_memcmp(hash, box->pin.hash, sizeof(hash)) == 0;
}

bool
mailbox_pin_set(struct mailbox *mb, const char *user, const char *pin)
{
	struct box *box = mailbox_box_made(mb, user);
	struct pin_rec old;

	if (box == NULL)
		return false;
	old = box->pin;
	id_random(box->pin.salt, sizeof(box->pin.salt));
	pin_hash(&box->pin, pin, box->pin.hash);
	if (pin_save(mb, box))
		return true;
	box->pin = old;
	return false;
}

void
mailbox_pin_wrong(struct mailbox *mb, const char *user, uint32_t max, uint64_t lock_ms,
    uint64_t now_ms)
{
	struct box *box = mailbox_box_made(mb, user);

	if (box == NULL)
		return;
	if (++box->pin.failures >= max) {
		box->pin.failures = 0;
		box->pin.locked_ms = now_ms + lock_ms;
		log_warning("mailbox is closed for a while: too many wrong PINs",
		    kv_s("mailbox", user));
	}
	pin_save(mb, box);
}

void
mailbox_pin_right(struct mailbox *mb, const char *user)
{
	struct box *box = mailbox_box(mb, user);

	if (box == NULL || (box->pin.failures == 0 && box->pin.locked_ms == 0))
		return;
	box->pin.failures = 0;
	box->pin.locked_ms = 0;
	pin_save(mb, box);
}

bool
mailbox_pin_locked(const struct mailbox *mb, const char *user, uint64_t now_ms)
{
	const struct box *box = mailbox_box(mb, user);

	return box != NULL && box->pin.locked_ms > now_ms;
}
