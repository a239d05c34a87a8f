#ifndef TILL_PAGES_REFERENCE_H
#define TILL_PAGES_REFERENCE_H

struct error;
struct request;

/* The reference of the API for people, made from the same description that programs get. */
struct error *reference_page(struct request *r);

#endif
