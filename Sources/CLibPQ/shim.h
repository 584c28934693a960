#include <postgresql/libpq-fe.h>
/* How libpq's sockets are waited for; Swift's Glibc module leaves these two out. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
