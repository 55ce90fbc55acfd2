/* SPDX-License-Identifier: MIT */
/* Finds functions in the objects that are loaded. */
#include "object.h"

#include <elf.h>
#include <link.h>
#include <string.h>

/* A symbol of this object only, not for others (<elf.h> has no name for the bit). */
#define VERSION_HIDDEN 0x8000u

extern int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data)
	__attribute__((weak));

struct walk {
	object_visit_fn visit;
	void *data;
};

/* glibc writes addresses into a mapped dynamic section, musl and the vDSO leave offsets. */
static const void *at(const struct object *o, ElfW(Addr) value)
{
	uintptr_t p = value < o->base ? o->base + value : value;

	return (const void *)p; /* NOLINT(performance-no-int-to-ptr) */
}

static bool read_dynamic(struct object *o)
{
	ElfW(Addr) soname = 0;
	bool has_soname = false;

	for (const ElfW(Dyn) *d = o->dynamic; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			o->symbols = at(o, d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			o->strings = at(o, d->d_un.d_ptr);
		else if (d->d_tag == DT_VERSYM)
			o->versions = at(o, d->d_un.d_ptr);
		else if (d->d_tag == DT_GNU_HASH)
			o->gnu_hash = at(o, d->d_un.d_ptr);
		else if (d->d_tag == DT_HASH)
			o->sysv_hash = at(o, d->d_un.d_ptr);
		else if (d->d_tag == DT_SONAME) {
			soname = d->d_un.d_val;
			has_soname = true;
		}
	}
	o->soname = has_soname && o->strings ? o->strings + soname : "";
	return o->symbols && o->strings && (o->gnu_hash || o->sysv_hash);
}

static int walk_one(struct dl_phdr_info *info, size_t size, void *data)
{
	struct walk *w = data;
	struct object o = {.base = info->dlpi_addr, .begin = UINTPTR_MAX};

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_DYNAMIC)
			o.dynamic = (const void *)begin; /* NOLINT(performance-no-int-to-ptr) */
		if (ph->p_type != PT_LOAD)
			continue;
		o.begin = begin < o.begin ? begin : o.begin;
		o.end = begin + ph->p_memsz > o.end ? begin + ph->p_memsz : o.end;
	}
	o.path = info->dlpi_name ? info->dlpi_name : "";
	if (!o.dynamic || !read_dynamic(&o))
		return 0;
	return w->visit(&o, w->data) ? 0 : 1;
}

void object_each(object_visit_fn visit, void *data)
{
	struct walk w = {.visit = visit, .data = data};

	if (dl_iterate_phdr)
		(void)dl_iterate_phdr(walk_one, &w);
}

static void *function_at(const struct object *o, uint32_t index, const char *name)
{
	const ElfW(Sym) *s = (const ElfW(Sym) *)o->symbols + index;
	unsigned bind = ELF64_ST_BIND(s->st_info), type = ELF64_ST_TYPE(s->st_info);

	if (s->st_shndx == SHN_UNDEF || (bind != STB_GLOBAL && bind != STB_WEAK))
		return NULL;
	/* An IFUNC would have to be run; no function that we hook is one. */
	if (type != STT_FUNC && type != STT_NOTYPE)
		return NULL;
	if (o->versions && o->versions[index] & VERSION_HIDDEN)
		return NULL;
	if (strcmp(o->strings + s->st_name, name) != 0)
		return NULL;
	return (void *)(o->base + s->st_value); /* NOLINT(performance-no-int-to-ptr) */
}

/* Layout: buckets, first symbol, Bloom words and shift; Bloom filter; buckets; chain. */
static void *find_gnu(const struct object *o, const char *name)
{
	const uint32_t *h = o->gnu_hash;
	const uint32_t *buckets = h + 4 + h[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	const uint32_t *chain = buckets + h[0];
	uint32_t hash = 5381, i;

	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		hash = hash * 33 + *c;
	i = h[0] ? buckets[hash % h[0]] : 0;
	if (!i || i < h[1])
		return NULL;
	for (;; i++) {
		uint32_t link = chain[i - h[1]];
		void *f = (link | 1) == (hash | 1) ? function_at(o, i, name) : NULL;

		if (f || link & 1)
			return f;
	}
}

static void *find_sysv(const struct object *o, const char *name)
{
	const uint32_t symbols = o->sysv_hash[1];

	/* Only objects without the other table come here: a plain walk does. */
	for (uint32_t i = 1; i < symbols; i++) {
		void *f = function_at(o, i, name);

		if (f)
			return f;
	}
	return NULL;
}

void *object_function(const struct object *o, const char *name)
{
	return o->gnu_hash ? find_gnu(o, name) : find_sysv(o, name);
}

bool object_needs(const struct object *o, const char *soname)
{
	for (const ElfW(Dyn) *d = o->dynamic; d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_NEEDED && strcmp(o->strings + d->d_un.d_val, soname) == 0)
			return true;
	return false;
}
