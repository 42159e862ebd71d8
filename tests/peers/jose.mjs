// npm `jose`, for tests outside of this folder.
export * from "jose";
