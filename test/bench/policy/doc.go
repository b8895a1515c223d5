// Command policy measures the policy engine beside two ways in which people
// write such policy today: a scan of compiled regular expressions, and a CEL
// expression over the rules as data. All three get the same rules and requests,
// in the same run, and a test shows that they agree.
//
// Rules are of four shapes, a quarter each: a namespace and its own tree; one
// segment that may be anything; namespaces by prefix; and one tree that many
// namespaces share. Requests are spread over all of them.
package main
