"""The verification verified: faults planted into copies of the implementations, and the checks that convict them."""
