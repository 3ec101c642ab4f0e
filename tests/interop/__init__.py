"""Against software that nobody here wrote: sipp, baresip, Kamailio, nginx, websockets, the twilio SDK."""
