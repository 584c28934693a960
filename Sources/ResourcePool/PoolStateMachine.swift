// The pool's decisions as a pure value.
